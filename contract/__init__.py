"""The formats that rooms exchange, and the pure functions that define them.

Nothing here opens a connection or keeps state, and only the standard library is imported. Rooms
that need more speed have implementations of their own, which pass the same golden cases
(`contract.golden`).
"""
