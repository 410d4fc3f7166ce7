"""Sessions in Redis, decided on by server-side scripts; and answers while it is away."""
