#!/usr/bin/env python3
"""Counts the pairs of bytes in what images are made of, for the table in src/detect/literal/rarity.rs.

    benches/frequencies.py /usr /root >pairs.txt

It reads programs, Python, JavaScript and other texts below the folders, 32 MB of each kind at most and
256 KiB of each file, and prints the table's lines: one for each class of a first byte, one character for
each class of a second byte. The character's distance from `A` is how rare the pair is: the negative
binary logarithm of its share, rounded.
"""
import math
import os
import sys

KIND = 32 * 1000 * 1000
FILE = 256 * 1024
CLASSES = 74


def class_of(byte):
    """As `class` in rarity.rs."""
    if ord("A") <= byte <= ord("Z"):
        byte += 32
    if 0x20 <= byte <= 0x40:
        return byte - 0x20
    if 0x5B <= byte <= 0x7E:
        return byte - 0x5B + 33
    return {0: 69, 10: 70}.get(byte, 71 if byte < 0x20 or byte == 0x7F else 72 if byte < 0xC0 else 73)


def kind_of(path, head):
    if head.startswith(b"\x7fELF"):
        return "elf"
    if path.endswith(".py"):
        return "py"
    if path.endswith((".js", ".mjs", ".ts")):
        return "js"
    return "text" if b"\0" not in head and path.endswith((".txt", ".md", ".html", ".json", ".conf", ".sh", ".pl", ".h")) else None


def main(roots):
    read = {"elf": 0, "py": 0, "js": 0, "text": 0}
    pairs = {kind: [0] * 65536 for kind in read}
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    head = file.read(512)
                    kind = kind_of(path, head)
                    if kind is None or read[kind] >= KIND:
                        continue
                    content = head + file.read(FILE - 512)
                read[kind] += len(content)
                count = pairs[kind]
                for first, second in zip(content, content[1:]):
                    count[first << 8 | second] += 1
    table = [[0.0] * CLASSES for _ in range(CLASSES)]
    for kind, count in pairs.items():
        total = sum(count) or 1
        for pair, times in enumerate(count):
            table[class_of(pair >> 8)][class_of(pair & 255)] += times / total / len(pairs)
    for row in table:
        levels = (round(-math.log2(share)) if share else 25 for share in row)
        print("".join(chr(ord("A") + min(level, 25)) for level in levels))
    print({kind: count // 1000000 for kind, count in read.items()}, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
