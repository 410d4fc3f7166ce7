"""Operations from a shell."""
