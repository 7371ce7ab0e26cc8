# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects train, validate and test: by geometry, so that near-duplicates stay together."""

import hashlib

#: Percent of the fingerprints that go to validation and to test.
VALIDATION_PERCENT, TEST_PERCENT = 4, 5


def split_of(fingerprint: str) -> str:
    """Name the split of a geometry; depends on nothing but its fingerprint."""
    number = int(hashlib.sha256(b"pebble split 1 " + fingerprint.encode()).hexdigest()[:8], 16) % 100
    if number < TEST_PERCENT:
        return "test"
    return "validation" if number < TEST_PERCENT + VALIDATION_PERCENT else "train"
