"""Many rows in one request: read as a stream, checked line by line, stored whole or not at all."""
