"""Calls a function of a snippet (module, function) and prints the SHA-256 of what it gives."""

import hashlib
import importlib
import sys

module, function = sys.argv[1:]
key = getattr(importlib.import_module(module), function)()
print(hashlib.sha256(key.encode()).hexdigest())
