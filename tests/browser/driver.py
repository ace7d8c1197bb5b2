# SPDX-License-Identifier: MIT
"""chromium by way of chromedriver, which is asked over HTTP, and a web server that notes what is requested."""

import base64
import functools
import http.client
import http.server
import json
import os
import re
import subprocess
import threading

from harness import PATIENCE, end_with_parent


class Server:
    """Serves the files of a directory on loopback."""

    def __init__(self, directory):
        self.paths = paths = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                paths.append(self.path)
                super().do_GET()

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(directory)))
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Browser:
    def __init__(self, directory):
        self.process = subprocess.Popen(["chromedriver", "--port=0", f"--log-path={directory}/driver.log"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=end_with_parent)
        for line in self.process.stdout:
            started = re.search(r"on port (\d+)\.$", line)
            if started:
                break
        self.port = int(started.group(1))
        arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--force-device-scale-factor=1",
                     f"--user-data-dir={directory}/chromium", "--no-first-run"] + (["--no-sandbox"] if os.getuid() == 0 else [])
        self.session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})["sessionId"]

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE * 4)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{path}: {value['error']}: {value['message']}")
        return value

    def command(self, path, **body):
        return self.ask("POST", f"/session/{self.session}/{path}", body)

    def protocol(self, method, **parameters):
        """A command of the DevTools protocol."""
        return self.command("goog/cdp/execute", cmd=method, params=parameters)

    def show(self, url, width=1200, height=900, scheme="light"):
        """Opens a page. Returns the URLs that were requested for it, and what the console says."""
        self.logs()
        self.protocol("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700)
        self.protocol("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.command("url", url=url)
        return self.logs()

    def logs(self):
        requests, console = [], [entry["message"] for entry in self.command("se/log", type="browser")]
        for entry in self.command("se/log", type="performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                requests.append(message["params"]["request"]["url"])
        return requests, console

    def run(self, script):
        return self.command("execute/sync", script=script, args=[])

    def screenshot(self):
        """The whole page, as PNG."""
        return base64.b64decode(self.protocol("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"])

    def stop(self):
        try:
            self.ask("DELETE", f"/session/{self.session}")
        finally:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process.stdout.close()
