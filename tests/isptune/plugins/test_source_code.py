"""Modules read from their source, also by several threads at once."""

from __future__ import annotations

import ast
import threading
import time
from typing import Any

import pytest

from isptune.plugins.source_code import parsed


def test_one_thread_at_a_time_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = [0], [0]
    parse = ast.parse

    def slow(*arguments: Any, **options: Any) -> ast.AST:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        inside[0] -= 1
        return parse(*arguments, **options)

    monkeypatch.setattr(ast, "parse", slow)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(ast.unparse(parsed("a = 1")))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["a = 1"] * 6
    assert most == [1]
