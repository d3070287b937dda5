"""What a file is, going by its first and last bytes: an image, a whole one, or what instead."""

import re

HEAD = 512  # as many bytes as the tables below look at
HEIF_HINT = "pip install pillow-heif reads them"

# How images begin.
_IMAGES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|BM.{4}\0{4}"
    rb"|\0\0\0\x0cjP  |P[1-6]\s|....ftypavi[fs]",
    re.DOTALL,
)
_HEIF = re.compile(rb"....ftyp(hei|hev|mif1|msf1)", re.DOTALL)

# What people find under an image's name, as it is said of one file.
_NOT_IMAGES = {
    re.compile(rb"\s*\Z"): "an empty file",
    re.compile(rb"version https://git-lfs"): "a Git LFS pointer, git lfs pull fetches the image",
    re.compile(rb"\s*<(!doctype html|html|head|body)", re.IGNORECASE): "an HTML page",
    re.compile(rb"\s*(<\?xml.{0,200})?<svg", re.IGNORECASE | re.DOTALL): "an SVG drawing",
    re.compile(rb"\s*<\?xml"): "an XML document",
    re.compile(rb"%PDF"): "a PDF document",
    re.compile(rb"\x00\x05\x16\x07"): "a Mac's notes on a file (AppleDouble)",
    re.compile(rb"\x00+\Z"): "a file of zeros",
    re.compile(rb"....ftyp(?!avi|hei|hev|mif1|msf1)", re.DOTALL): "a video",
}

# How whole images end that began so; what may follow is cut off first.
_ENDS = {
    b"\xff\xd8\xff": b"\xff\xd9",
    b"\x89PNG\r\n": b"IEND\xaeB`\x82",
    b"GIF8": b"\x3b",
}


def begins_an_image(head: bytes) -> bool:
    """Whether a file that begins with `head` is an image of a format that is known here.

    >>> begins_an_image(b"GIF89a"), begins_an_image(b"#!/bin/sh")
    (True, False)
    """
    return bool(_IMAGES.match(head) or _HEIF.match(head))


def is_heif(head: bytes) -> bool:
    """Whether a file that begins with `head` is a HEIC or HEIF image."""
    return bool(_HEIF.match(head))


def surely_whole(encoded: bytes) -> bool:
    """Whether an image begins and ends as whole ones do; False where that can't be told."""
    return any(
        encoded.startswith(start) and encoded[-64:].rstrip(b"\0\r\n").endswith(end)
        for start, end in _ENDS.items()
    )


def what_instead(encoded: bytes) -> str:
    """What a file that can't be decoded is, such as "an HTML page"; empty if that isn't known.

    >>> what_instead(b"<!DOCTYPE html><html>")
    'an HTML page'
    """
    head = encoded[:HEAD]
    if is_heif(head):
        return f"a HEIC image; {HEIF_HINT}"
    return next((name for start, name in _NOT_IMAGES.items() if start.match(head)), "")
