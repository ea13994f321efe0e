"""Errors as answers: a status of HTTP, and the sentence of the error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from vireid.errors import GalleryError, OutputError, UnreachableError, VireidError

STATUS: Sequence[tuple[type[VireidError], int]] = (
    (UnreachableError, 503),  # a store that is gone
    (GalleryError, 409),  # a conflict with what the gallery is
    (OutputError, 503),  # a disk or a lock that somebody must free
    (VireidError, 422),  # a request that is wrong
)
"""The first that fits."""


class Refusal(Exception):
    """Ends a request with a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def answer_errors(app: FastAPI) -> None:
    """Let an application answer errors with ``{"detail": SENTENCE}``."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(VireidError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unknown)


def _refused(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 (interface)
    return JSONResponse({"detail": str(error)}, error.status if isinstance(error, Refusal) else 400)


def _ours(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 (interface)
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    return JSONResponse({"detail": str(error)}, status)


def _invalid(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 (interface)
    found: Any = error
    wrong = {f"`{fault['loc'][-1]}`: {fault['msg']}." for fault in found.errors()}
    return JSONResponse({"detail": " ".join(sorted(wrong))}, 422)


def _unknown(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 (interface)
    return JSONResponse({"detail": f"The server failed ({type(error).__name__}). What it printed says more."}, 500)
