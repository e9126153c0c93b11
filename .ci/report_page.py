"""Clicks through the page of `roottrail report`, as a reader would.

Nothing here waits for a while: what a click brings about is awaited as an event, for as long as a busy machine may need.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

PROGRAM = os.environ["ROOTTRAIL"]
HOSTILE = "<script>document.title='owned'</script><img src=http://evil.example/x.png onerror=\"document.title='owned'\">"
# Seconds after which something will never come.
NEVER = 120


def run(*args):
    done = subprocess.run([PROGRAM, *args], capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout


def pages(folder):
    """Two pages: the incident of sample-logs, and the same with texts that an attacker wrote, many times over."""
    findings, summary = folder / "findings.ndjson", folder / "summary.json"
    run("scan", "sample-logs", "-o", findings, "--summary", summary)
    run("report", findings, "--summary", summary, "--html", folder / "incident.html")
    found = [json.loads(line) for line in findings.read_text().splitlines()]
    with open(folder / "hostile.ndjson", "w") as out:
        for n in range(20):
            for finding in json.loads(json.dumps(found)):
                finding["id"] = f"{n:04x}{finding['id'][4:]}"
                if n % 3 == 1:
                    finding["source"]["user_agent"] = HOSTILE * 10
                    finding["source"]["address"] = HOSTILE
                    finding["event"]["name"] = HOSTILE + "\u202e\u001b[2J"
                    finding["account_id"] = HOSTILE
                    finding["cloudtrail"]["requestParameters"] = {HOSTILE: HOSTILE, "f": "=cmd|' /C calc'!A0"}
                elif n % 3 == 2:
                    finding["event"]["name"] = "=HYPERLINK(\"http://evil.example\",\"x\")"
                    finding["event"]["source"] = ""
                out.write(json.dumps(finding) + "\n")
    run("report", folder / "hostile.ndjson", "--html", folder / "hostile.html")
    return found


def browser(folder, height=900):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    for flag in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
        f"--window-size=1280,{height}", f"--user-data-dir={tempfile.mkdtemp(dir=folder)}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def started(folder, height=900):
    """A browser. The driver gives it a minute to start, which is short beside a busy compiler."""
    for attempt in range(5):
        try:
            return browser(folder, height)
        except WebDriverException as error:
            if attempt == 4:
                raise
            print(f"the browser did not start: {error.msg}")


# What a table shows now: the texts of its visible rows, and the count above it.
TABLE = """
const table = document.querySelector(`table[data-name=${arguments[0]}]`);
const rows = [...table.tBodies].filter(body => !body.hidden).map(body =>
    [...body.rows[0].cells].map(cell => cell.textContent.replace(/^[▸▾]/, "").trim()));
return {rows, count: table.closest("section").querySelector(".count").textContent};
"""


class Page:
    def __init__(self, driver):
        self.driver = driver

    def until(self, what, condition):
        """Waits for an event, and gives what it brought."""
        return WebDriverWait(self.driver, NEVER, 0.1).until(lambda _driver: condition(), f"never: {what}")

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def open(self, url):
        self.driver.get(url)
        self.until("the page's script has run", lambda: self.js("return document.querySelectorAll('.pager').length > 0"))

    def click(self, element):
        """Scrolls there first: the head of the page stays in place and would cover it."""
        element = self.one(element) if isinstance(element, str) else element
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def rows(self, table):
        return self.js(TABLE, table)["rows"]

    def count(self, table):
        return self.js(TABLE, table)["count"]

    def shows(self, table, number):
        self.until(f"{table} shows {number} rows, not {len(self.rows(table))}", lambda: len(self.rows(table)) == number)

    def column(self, table, at):
        return [row[at] for row in self.rows(table)]

    def focus(self):
        return self.driver.switch_to.active_element

    def quiet(self):
        """Fails where the console has an error, or anything but the page itself was asked for."""
        errors = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        assert not errors, errors
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            assert "webSocketCreated" not in message["method"], message
            if message["method"] == "Network.requestWillBeSent":
                # The browser's own first tab is no part of the page.
                if not message["params"]["documentURL"].startswith("chrome:"):
                    url = message["params"]["request"]["url"]
                    assert url.startswith(("file:", "data:", "blob:")), url


def story(page, found):
    """The story comes first, and on the first screen."""
    assert "Root signed in to the console without MFA" in page.one("#story").text
    assert page.one("#story .step").location["y"] < 400
    assert len(page.all("svg")) >= 4 and len(page.all("#chart-hours rect")) == 7 * 24
    # From the story to the record, in one click.
    page.click("#story .step.critical .proof")
    opened = page.until("a finding is opened", lambda: page.one("tbody.found"))
    assert "MFAUsed" in opened.find_element(By.CSS_SELECTOR, "pre").text
    page.until("its button has the focus", lambda: page.focus().get_attribute("aria-expanded") == "true")
    page.focus().send_keys(Keys.ENTER)
    page.until("it closes", lambda: not opened.find_element(By.CSS_SELECTOR, ".more").is_displayed())


def sorting(page, found):
    """Both ways, by severity and by numbers."""
    head = "table[data-name=findings] thead th:nth-child(2)"
    page.click(head + " button")
    page.until("sorted upwards", lambda: page.one(head).get_attribute("aria-sort") == "ascending")
    assert page.column("findings", 1)[0] == "low"
    page.click(head + " button")
    page.until("sorted downwards", lambda: page.one(head).get_attribute("aria-sort") == "descending")
    assert page.column("findings", 1)[0] == "critical"
    head = "table[data-name=sessions] thead th:nth-child(7)"
    page.click(head + " button")
    page.until("sessions sorted", lambda: page.one(head).get_attribute("aria-sort") == "ascending")
    numbers = [int(text) for text in page.column("sessions", 6)]
    assert numbers == sorted(numbers) and numbers[-1] >= 9, numbers


def filters(page, found):
    """Pages of 25, the filter of one table, the severities, and the search box of all."""
    page.shows("findings", 25)
    page.click("#findings .pager button:last-child")
    page.shows("findings", len(found) - 25)
    box = page.one("#findings .tools input")
    box.send_keys("StopLogging")
    page.shows("findings", 1)
    assert f"1 of {len(found)} rows" in page.count("findings")
    box.send_keys(Keys.ESCAPE)
    page.shows("findings", 25)
    critical = sum(finding["severity"] == "critical" for finding in found)
    Select(page.one("#findings .tools select")).select_by_value("critical")
    page.shows("findings", critical)
    assert set(page.column("findings", 1)) == {"critical"}
    Select(page.one("#findings .tools select")).select_by_value("")
    page.shows("findings", 25)
    page.js("document.activeElement.blur()")
    page.one("body").send_keys("/")
    page.until("the search box has the focus", lambda: page.focus().get_attribute("id") == "search")
    page.focus().send_keys("192.0.2.146")
    from_there = sum("192.0.2.146" in json.dumps(finding["source"]) for finding in found)
    page.shows("findings", from_there)
    page.shows("addresses", 1)
    page.one("#search").send_keys(Keys.ESCAPE)
    page.shows("findings", 25)


def charts(page, found):
    """From a chart to its findings."""
    for chart in ("#chart-hours", "#chart-weeks", "#chart-accounts"):
        link = page.all(f"{chart} a.to")[0]
        says = link.find_element(By.CSS_SELECTOR, "title").get_attribute("textContent")
        # A shape in a drawing takes the click where it is, not in the middle of its box.
        page.js("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))", link)
        page.until(f"{chart} leads to findings", lambda: page.one("#findings .chip").is_displayed())
        shown = len(page.rows("findings"))
        assert shown == int(says.split(": ")[1].split()[0]) if chart == "#chart-hours" else shown > 0, says
        page.click("#findings .chip")
        page.shows("findings", 25)
    session = page.all("#chart-sessions a.to[href^='#s-']")[0]
    page.js("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))", session)
    page.until("the timeline leads to a session", lambda: page.one("#sessions tbody.found .more").is_displayed())


def colours(page, found):
    """Dark, by key and by button, and as the system asks for; paper has neither tools nor colour."""
    colour = lambda: page.js("return getComputedStyle(document.body).backgroundColor")
    before = colour()
    page.js("document.activeElement.blur()")
    page.one("body").send_keys("t")
    page.until("the page is dark", lambda: colour() != before)
    dark = colour()
    assert page.one("#theme").get_attribute("aria-pressed") == "true"
    page.click("#theme")
    page.until("the page is light again", lambda: colour() == before)
    page.js("localStorage.clear(); delete document.documentElement.dataset.theme")
    media = lambda kind, scheme: page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"media": kind, "features": [{"name": "prefers-color-scheme", "value": scheme}]})
    media("", "dark")
    page.until("the page is dark as the system is", lambda: colour() == dark)
    media("print", "light")
    page.until("paper has no tools", lambda: not page.one("#findings .tools").is_displayed() and not page.one("nav").is_displayed())
    page.js("dispatchEvent(new Event('beforeprint'))")
    page.shows("findings", len(found))
    page.js("dispatchEvent(new Event('afterprint'))")
    page.shows("findings", 25)
    media("", "light")


def keyboard(page, found):
    """Everything that can be clicked can be reached by keys, and on a narrow screen only tables scroll sideways."""
    page.open(page.driver.current_url)
    page.one("body").send_keys(Keys.TAB)
    page.until("the first stop is the way past the head", lambda: page.focus().get_attribute("class") == "skip")
    assert not page.js("return document.querySelectorAll('[onclick],[style]').length")
    assert not page.js("return [...document.querySelectorAll('button,a,input,select')].filter(e => e.tabIndex < 0).length")
    page.driver.set_window_size(420, 900)
    page.until("a narrow page fits", lambda: page.js("return innerWidth < 600 && document.documentElement.scrollWidth <= innerWidth"))
    page.driver.set_window_size(1280, 900)


def hostile(page, folder):
    title = page.driver.title
    assert title.startswith("Root activity"), title
    assert not page.all("img") and len(page.all("script")) == 1
    page.js("[...document.querySelectorAll('#findings .open')].slice(0, 5).forEach(button => button.click())")
    page.one("#search").send_keys("onerror")
    page.until("hostile texts are found", lambda: page.rows("findings") and "of" in page.count("findings"))
    page.one("#search").send_keys(Keys.ESCAPE)
    page.quiet()
    # A script that is put into the page does not run, and the policy says so.
    page.js("const s = document.createElement('script'); s.textContent = \"document.title = 'owned'\"; document.body.append(s)")
    refused = lambda: [entry for entry in page.driver.get_log("browser") if "Content Security Policy" in entry["message"]]
    page.until("the policy refuses a script", refused)
    assert page.driver.title == title
    # What a spreadsheet gets begins no formula.
    page.one("#search").send_keys("HYPERLINK")
    page.until("formulas are found", lambda: "of" in page.count("findings"))
    page.click([button for button in page.all("#findings .tools button") if button.text == "CSV"][0])
    place = folder / "downloads" / "root-findings.csv"
    page.until("the rows are saved", lambda: place.exists() and place.read_text().endswith("\n"))
    lines = place.read_text().splitlines()
    assert len(lines) > 1 and any("HYPERLINK" in line for line in lines)
    for line in lines:
        assert not any(cell.lstrip('"').startswith(tuple("=+-@")) for cell in line.split('","')), line
    page.quiet()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--screenshots", metavar="FOLDER", type=pathlib.Path, help="write the pictures that the docs show")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = pathlib.Path(place)
        found = pages(folder)
        begun = time.monotonic()
        driver = started(folder, 1000 if args.screenshots else 900)
        try:
            page = Page(driver)
            page.open((folder / "incident.html").as_uri())
            if args.screenshots:
                driver.save_screenshot(str(args.screenshots / "report.png"))
                page.one("body").send_keys("t")
                page.until("the page is dark", lambda: page.one("#theme").get_attribute("aria-pressed") == "true")
                driver.save_screenshot(str(args.screenshots / "report-dark.png"))
                return
            for part in (story, sorting):
                part(page, found)
            page.open((folder / "incident.html").as_uri())
            for part in (filters, charts, colours, keyboard):
                part(page, found)
            page.quiet()
            page.open((folder / "hostile.html").as_uri())
            hostile(page, folder)
        finally:
            driver.quit()
        sizes = {name: (folder / f"{name}.html").stat().st_size for name in ("incident", "hostile")}
        assert sizes["hostile"] < 5_000_000, sizes
        print(f"clicked through both pages in {time.monotonic() - begun:.0f} s; {sizes} bytes")


main()
