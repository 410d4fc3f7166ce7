"""Models of ratings beside scikit-surprise: error, time, memory."""
