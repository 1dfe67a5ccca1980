"""A headless Chromium from Debian, with the driver of the same build, and a page in it."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from lab.testing.machines import BROWSER_PACKAGES

PROGRAM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # the sandbox does not run as root; only the tests' own page is opened
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
)
PATIENCE = 20.0
# Chromium breaks off all requests when a network interface of the machine appears or goes, as the
# lab's machines make them.
BROKEN_OFF = "ERR_NETWORK_CHANGED"
RELOADS = 5


@dataclass
class Page:
    """One tab."""

    driver: Chrome

    def open(self, url: str) -> None:
        """Opens the page; reloads it, as its text says, if the browser broke off its scripts."""
        self.driver.get(url)
        for _ in range(RELOADS):
            if not self.all("#loading") or not any(BROKEN_OFF in m for m in self.console()):
                return
            self.driver.refresh()

    def enter(self, key: str) -> None:
        """Types the key and presses Enter, as a person does, once the page asks for it."""
        self.until("document.activeElement.id === 'key'")
        self.one("#key").send_keys(key, Keys.ENTER)

    def one(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.driver.execute_script(
            "return document.querySelector(arguments[0]).textContent", selector
        )

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until(self, script: str, seconds: float = PATIENCE) -> Any:
        """Waits until the expression is true in the page."""
        message = f"never true in the page: {script}"
        return WebDriverWait(self.driver, seconds, 0.1).until(
            lambda driver: driver.execute_script(f"return {script}"), message
        )

    def press(self, *keys: str) -> None:
        """Presses keys in the element that has the focus."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def media(self, **features: str) -> None:
        """Sets media features, such as `prefers_color_scheme="dark"`."""
        found = [{"name": n.replace("_", "-"), "value": v} for n, v in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": found})

    def size(self, width: int, height: int, scale: float = 1) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def console(self) -> list[str]:
        """Returns the console's messages since the last call, violations of the policy included."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


@contextmanager
def browser() -> Generator[Chrome]:
    """Fails the test if Chromium is missing; `./slipway test` installs it."""
    if not (shutil.which(PROGRAM) and shutil.which(DRIVER)):
        pytest.fail(f"no Chromium here: apt-get install {' '.join(BROWSER_PACKAGES)}")
    options = ChromeOptions()
    options.binary_location = PROGRAM
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(prefix="slipway-view-") as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = Chrome(options=options, service=ChromeService(DRIVER))
        try:
            yield driver
        finally:
            driver.quit()
