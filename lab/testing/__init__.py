"""The lab's parts that tests of the product use. They import from here and from lab.simulation
only."""
