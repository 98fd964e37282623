"""Trino's documented protocol over DuckDB: /v1/statement, pages by nextUri, columns with their types.

For the fast lane: the statements that are run are the ones that a real Trino gets, which the slow lane asks."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import duckdb

_TYPES = {"VARCHAR": "varchar", "DOUBLE": "double", "BIGINT": "bigint", "INTEGER": "integer"}
_SIGNED = re.compile(r"TIMESTAMP ('[^']*') ?")
PAGE = 7  # rows; small, so that there are several


class TrinoDouble:
    """Serves the given Arrow tables; ``asked`` has each statement with the user who sent it."""

    def __init__(self, tables: dict[str, object], refuse: str = "") -> None:
        self.tables, self.refuse, self.asked = tables, refuse, []
        self.pages: dict[str, dict] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.asked.append((self.headers["X-Trino-User"], text))
                self._send(outer.begin(text))

            def do_GET(self):
                self._send(outer.pages.pop(self.path))

            def do_DELETE(self):
                self.send_response(204)
                self.end_headers()

            def _send(self, answer):
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://ana@127.0.0.1:{self.server.server_port}/lake"

    def begin(self, text: str) -> dict:
        number = len(self.asked)
        if self.refuse and "EXECUTE IMMEDIATE 'SELECT 1'" not in text:
            error = {"message": self.refuse, "errorCode": 4, "errorName": "PERMISSION_DENIED",
                     "errorType": "USER_ERROR", "failureInfo": {}}  # fmt: skip
            return self._page(number, 0, {"error": error}, last=True)
        columns, rows = self._run(text)
        chunks = [rows[i : i + PAGE] for i in range(0, len(rows), PAGE)] or [[]]
        for i, chunk in enumerate(chunks):
            page = {"columns": columns, "data": chunk} if chunk else {"columns": columns}
            self.pages[f"/v1/statement/executing/{number}/{i + 1}"] = self._page(
                number, i + 1, page, i + 1 == len(chunks)
            )
        return self._page(number, 0, {}, last=False)

    def _page(self, number: int, i: int, more: dict, last: bool) -> dict:
        here = f"http://127.0.0.1:{self.server.server_port}/v1/statement/executing/{number}"
        stats = {"state": "FINISHED" if last else "RUNNING"}
        page = {"id": f"q{number}", "infoUri": here, "stats": stats, "warnings": [], **more}
        return page if last else page | {"nextUri": f"{here}/{i + 1}"}

    def _run(self, text: str) -> tuple[list[dict], list[list]]:
        statement, values = re.fullmatch(r"EXECUTE IMMEDIATE '(.*?)'(?: USING (.*))?", text, re.DOTALL).groups()
        with duckdb.connect() as engine:
            engine.execute("SET TimeZone = 'UTC'")
            engine.execute("CREATE MACRO to_unixtime(x) AS epoch_us(x) / 1e6")
            for name, table in self.tables.items():
                engine.register(name, table)
            bound = engine.execute("SELECT " + _SIGNED.sub(r"TIMESTAMPTZ \1", values)).fetchone() if values else ()
            found = engine.execute(statement.replace("''", "'"), bound)
            columns = [self._column(name, _TYPES[str(kind)]) for name, kind, *_ in found.description]
            return columns, [list(row) for row in found.fetchall()]

    @staticmethod
    def _column(name: str, kind: str) -> dict:
        arguments = [{"kind": "LONG", "value": 2**31 - 1}] if kind == "varchar" else []
        return {"name": name, "type": kind, "typeSignature": {"rawType": kind, "arguments": arguments}}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
