"""Programs that run by themselves: similarity matrices, their schedule."""
