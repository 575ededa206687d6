"""Folders that may lie elsewhere: a path on this machine, or an address that fsspec knows (s3://bucket/run, gs://...).

An address becomes a `upath.UPath`, which has the methods of a path; `remote` tells the two apart where it matters.
"""

from __future__ import annotations

from pathlib import Path

from .errors import BadInput

OBJECT_STORES = ("s3", "gs", "gcs", "az", "abfs", "abfss")


def folder_of(text: str | Path) -> Path:
    """The folder or file of a path or an address; `BadInput` when what its kind of address needs is not installed."""
    if not isinstance(text, str):
        return text
    if "://" not in text:
        return Path(text)
    try:
        from upath import UPath

        return UPath(text)  # type: ignore[return-value]  # a path in all that is asked of it here
    except (ImportError, ValueError) as error:
        remedy = "Install what reads it: pip install 'remission[cluster]', and s3fs for s3://, gcsfs for gs://"
        raise BadInput(f"this address cannot be used ({error})", file=text, remedy=remedy) from error


def remote(path: Path) -> bool:
    """Does it lie behind an address, where files appear whole and there are no locks?"""
    return not isinstance(path, Path)


def known_to_polars(path: Path) -> bool:
    """Can Polars read it lazily by itself?"""
    return not remote(path) or _kind(path) in OBJECT_STORES


def make_folder(path: Path) -> None:
    """Make it, and those above it. An object store has no folders, and no bucket is made in passing."""
    if not remote(path) or _kind(path) not in OBJECT_STORES:
        path.mkdir(parents=True, exist_ok=True)


def _kind(path: Path) -> str:
    return str(path).partition("://")[0]
