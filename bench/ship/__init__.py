"""Shipping to HDFS beside a plain client, and under kills."""
