"""The checksum that HDFS keeps, computed from bytes that pass by."""

import hashlib

import pytest

from script.shipping.checksums import Digest

ONE_BLOCK = "MD5-of-0MD5-of-512CRC32C"


def test_the_crc_of_rfc_3720() -> None:
    # B.4 of the RFC: 32 bytes of zeros have the CRC-32C 0x8a9136aa.
    block = hashlib.md5(bytes.fromhex("8a9136aa")).digest()
    expected = hashlib.md5(block + bytes(16)).hexdigest()  # HDFS hashes a buffer of 32 bytes
    assert Digest([bytes(32)]).hdfs_checksum(ONE_BLOCK) == expected


def test_pieces_do_not_matter() -> None:
    data = bytes(range(256)) * 11
    whole = Digest([data])
    pieces = Digest(data[i : i + 97] for i in range(0, len(data), 97))
    assert (pieces.size, pieces.checksum) == (whole.size, whole.checksum)
    assert pieces.hdfs_checksum(ONE_BLOCK) == whole.hdfs_checksum(ONE_BLOCK)


def test_one_bit_matters_wherever_it_is() -> None:
    data = bytearray(2_000)
    before = Digest([bytes(data)]).hdfs_checksum("MD5-of-2MD5-of-512CRC32C")
    for at in (0, 511, 512, 1_999):
        data[at] ^= 1
        now = Digest([bytes(data)]).hdfs_checksum("MD5-of-2MD5-of-512CRC32C")
        assert now != before
        data[at] ^= 1


@pytest.mark.parametrize(
    "algorithm", ["MD5-of-0MD5-of-512CRC32", "MD5-of-0MD5-of-1024CRC32C", "COMPOSITE-CRC32C"]
)
def test_a_cluster_that_counts_otherwise(algorithm: str) -> None:
    assert Digest([b"x"]).hdfs_checksum(algorithm) is None
