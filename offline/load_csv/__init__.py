"""CSV files of ratings, links and movies, to tables of a database."""
