"""Clicks through the page of `roottrail report`, as a reader would."""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

PROGRAM = os.environ["ROOTTRAIL"]
HOSTILE = "<script>document.title='owned'</script><img src=http://evil.example/x.png onerror=\"document.title='owned'\">"


def run(*args):
    done = subprocess.run([PROGRAM, *args], capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout


def pages(folder):
    """Two pages: the incident of sample-logs, and the same with texts that an attacker wrote, many times over."""
    findings, summary = folder / "findings.ndjson", folder / "summary.json"
    run("scan", "sample-logs", "-o", findings, "--summary", summary)
    run("report", findings, "--summary", summary, "--html", folder / "incident.html")
    lines = findings.read_text().splitlines()
    with open(folder / "hostile.ndjson", "w") as out:
        for n in range(20):
            for line in lines:
                finding = json.loads(line)
                finding["id"] = f"{n:04x}{finding['id'][4:]}"
                if n % 3 == 1:
                    finding["source"]["user_agent"] = HOSTILE * 10
                    finding["source"]["address"] = HOSTILE
                    finding["event"]["name"] = HOSTILE + "\u202e\u001b[2J"
                    finding["account_id"] = HOSTILE
                    finding["cloudtrail"]["requestParameters"] = {HOSTILE: HOSTILE, "f": "=cmd|' /C calc'!A0"}
                out.write(json.dumps(finding) + "\n")
    run("report", folder / "hostile.ndjson", "--html", folder / "hostile.html")


def browser(folder, dark=False):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    for flag in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1280,900",
        f"--user-data-dir={tempfile.mkdtemp(dir=folder)}",
    ):
        options.add_argument(flag)
    if dark:
        options.add_argument("--force-dark-mode")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


class Page:
    def __init__(self, driver):
        self.driver = driver
        self.wait = WebDriverWait(driver, 10)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def click(self, element):
        """Scrolls there first: the head of the page stays in place and would cover it."""
        element = self.one(element) if isinstance(element, str) else element
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def visible(self, table):
        return self.all(f"table[data-name={table}] tbody:not([hidden])")

    def column(self, table, at):
        cells = f"table[data-name={table}] tbody:not([hidden]) tr:not(.more) td:nth-child({at})"
        return [cell.text.lstrip("▸▾ ") for cell in self.all(cells)]

    def quiet(self):
        """Fails where the console has an error, or anything but the page itself was asked for."""
        errors = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        assert not errors, errors
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                # The browser's own first tab is no part of the page.
                if message["params"]["documentURL"].startswith("chrome:"):
                    continue
                assert url.startswith(("file:", "data:", "blob:")), url
            assert "webSocketCreated" not in message["method"], message


def incident(page, url):
    page.driver.get(url)
    # The story comes first, and on the first screen.
    steps = page.all("#story .step")
    assert "Root signed in to the console without MFA" in page.one("#story").text
    assert steps[0].location["y"] < 400, steps[0].location
    assert len(page.all("svg")) >= 4 and len(page.all("#chart-hours rect")) == 7 * 24

    # Sorting, both ways, by numbers and by severity.
    head = page.one("table[data-name=findings] thead th:nth-child(2) button")
    page.click(head)
    assert page.column("findings", 2)[0] == "low"
    assert page.one("table[data-name=findings] th:nth-child(2)").get_attribute("aria-sort") == "ascending"
    page.click(head)
    assert page.column("findings", 2)[0] == "critical"
    page.click("table[data-name=sessions] thead th:nth-child(7) button")
    numbers = [int(text) for text in page.column("sessions", 7)]
    assert numbers == sorted(numbers) and numbers[-1] >= 9, numbers

    # Paging: 42 findings, 25 a page.
    assert len(page.visible("findings")) == 25
    page.click("#findings .pager button:last-child")
    assert len(page.visible("findings")) == 17

    # A filter of one table, the severities, and the search box of all.
    box = page.one("#findings .tools input")
    box.send_keys("StopLogging")
    assert len(page.visible("findings")) == 1 and "1 of 42 rows" in page.one("#findings .count").text
    box.send_keys(Keys.ESCAPE)
    assert len(page.visible("findings")) == 25
    Select(page.one("#findings .tools select")).select_by_value("critical")
    assert set(page.column("findings", 2)) == {"critical"} and len(page.visible("findings")) == 10
    Select(page.one("#findings .tools select")).select_by_value("")
    page.driver.execute_script("document.activeElement.blur()")
    page.one("body").send_keys("/")
    page.driver.switch_to.active_element.send_keys("192.0.2.146")
    assert page.one("#search").get_attribute("value") == "192.0.2.146"
    assert 0 < len(page.visible("findings")) < 25 and len(page.visible("addresses")) == 1
    page.one("#search").send_keys(Keys.ESCAPE)

    # From the story to the record, in one click.
    page.click("#story .step.critical .proof")
    opened = page.one("tbody.found")
    assert "MFAUsed" in opened.find_element(By.CSS_SELECTOR, "pre").text
    assert page.driver.switch_to.active_element.get_attribute("aria-expanded") == "true"
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert not opened.find_element(By.CSS_SELECTOR, ".more").is_displayed()

    # From a chart to its findings.
    links = page.all("#chart-hours a.to")
    page.driver.execute_script("arguments[0].dispatchEvent(new MouseEvent('click',{bubbles:true}))", links[0])
    chip = page.one("#findings .chip")
    says = links[0].find_element(By.CSS_SELECTOR, "title").get_attribute("textContent")
    assert chip.is_displayed() and len(page.visible("findings")) == int(says.split(": ")[1].split()[0]), says
    page.click(chip)
    assert len(page.visible("findings")) == 25

    # Dark, by key and by button; the colours change.
    colour = lambda: page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    before = colour()
    page.driver.execute_script("document.activeElement.blur()")
    page.one("body").send_keys("t")
    assert colour() != before and page.one("#theme").get_attribute("aria-pressed") == "true"
    page.click("#theme")
    assert colour() == before

    # Everything that can be clicked can be reached by keys.
    page.driver.get(url)
    page.one("body").send_keys(Keys.TAB)
    assert page.driver.switch_to.active_element.get_attribute("class") == "skip"
    assert not page.driver.execute_script("return [...document.querySelectorAll('[onclick],[style]')].length")
    # On a narrow screen nothing but tables scrolls sideways.
    page.driver.set_window_size(420, 900)
    assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"), "too wide"
    page.driver.set_window_size(1280, 900)
    page.quiet()


def hostile(page, url, folder):
    page.driver.get(url)
    assert page.driver.title.startswith("Root activity"), page.driver.title
    assert not page.all("img") and len(page.all("script")) == 1
    for button in page.all("#findings .open")[:5]:
        page.driver.execute_script("arguments[0].click()", button)
    page.one("#search").send_keys("onerror")
    assert page.visible("findings")
    # A script that is put into the page does not run either.
    page.driver.execute_script(
        "const s = document.createElement('script'); s.textContent = \"document.title = 'owned'\"; document.body.append(s)"
    )
    assert page.driver.title.startswith("Root activity"), page.driver.title
    page.driver.get_log("browser")  # The policy's own complaint about that script.
    page.one("#search").send_keys(Keys.ESCAPE)
    csv = [button for button in page.all("#findings .tools button") if button.text == "CSV"][0]
    page.click(csv)
    place = folder / "downloads" / "root-findings.csv"
    for _ in range(200):
        if place.exists():
            break
        time.sleep(0.05)
    for line in place.read_text().splitlines():
        assert not any(cell.lstrip('"').startswith(tuple("=+-@")) for cell in line.split('","')), line
    page.quiet()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--screenshot", metavar="FILE", type=pathlib.Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        pages(folder)
        started = time.monotonic()
        driver = browser(folder)
        try:
            page = Page(driver)
            if args.screenshot:
                driver.get((folder / "incident.html").as_uri())
                driver.save_screenshot(str(args.screenshot))
                return
            incident(page, (folder / "incident.html").as_uri())
            hostile(page, (folder / "hostile.html").as_uri(), folder)
        finally:
            driver.quit()
        sizes = {name: (folder / f"{name}.html").stat().st_size for name in ("incident", "hostile")}
        assert sizes["hostile"] < 5_000_000, sizes
        print(f"clicked through both pages in {time.monotonic() - started:.0f} s; {sizes} bytes")


main()
