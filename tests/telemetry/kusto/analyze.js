// Usage: node analyze.js PACKAGE < {"schema": {table: "(column: type, ...)"}, "queries": {name: text}}
// Says for each query what the language service finds wrong with it, and its words in order.
const path = require("node:path");
const folder = path.resolve(process.argv[2]);
require(path.join(folder, "bridge.min.js"));
require(path.join(folder, "Kusto.Language.Bridge.min.js"));

const asked = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const { KustoCode, GlobalState, Symbols } = Kusto.Language;
const tables = Object.entries(asked.schema).map(([name, columns]) =>
  Symbols.TableSymbol.From(columns).WithName(name));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("workspace", tables));
const found = {};
for (const [name, text] of Object.entries(asked.queries)) {
  const code = KustoCode.ParseAndAnalyze(text, globals);
  const faults = code.GetDiagnostics(), words = code.GetLexicalTokens();
  found[name] = { faults: [], words: [] };
  for (let i = 0; i < faults.Count; i++) {
    const fault = faults.getItem(i);
    found[name].faults.push(`${fault.Severity} at ${fault.Start}: ${fault.Message}`);
  }
  const count = words.Count ?? words.length;
  for (let i = 0; i < count; i++) found[name].words.push((words.getItem ? words.getItem(i) : words[i]).Text);
}
process.stdout.write(JSON.stringify(found));
