"""What crosses a wall between rooms: formats, and the pure functions that define them.

Nothing here reads a file, opens a connection or keeps anything; only the standard library is
imported. Where a room is too busy for these functions it has its own, faster ones, which pass the
same golden cases (`contract.golden`).
"""
