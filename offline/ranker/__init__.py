"""A ranker of a shop's candidates: gradient boosting on what `botify shop features` wrote."""
