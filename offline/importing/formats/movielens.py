"""MovieLens (Harper and Konstan, 2015)."""

from pathlib import Path

from offline.datasets.dataset import Dataset
from offline.datasets.movielens import LIKED, load_ml_1m
from offline.importing.source import Columns, DataFormat, File, Source, folder_of, has_files

_RATING = Columns(user="user", item="item", value="rating", time="timestamp")
_MOVIE = Columns(item="id", title="title")
_NAMES = ("user", "item", "rating", "timestamp")
_GENRES = (
    *("unknown", "action", "adventure", "animation", "children", "comedy", "crime"),
    *("documentary", "drama", "fantasy", "film_noir", "horror", "musical", "mystery", "romance"),
    *("sci_fi", "thriller", "war", "western"),
)


class MovieLens100K(DataFormat):
    """u.data and u.item."""

    name = "ml-100k"
    about = "MovieLens 100K: u.data, u.item"
    home = "get ml-100k.zip at https://grouplens.org/datasets/movielens/100k/"

    def recognises(self, source: Path) -> bool:
        return has_files(source, ["u.data"])

    def open(self, source: Path, columns: Columns) -> Source:
        ratings = self.file(source, "u.data")
        movies = ratings.with_name("u.item")
        names = ("id", "title", "released", "video_released", "imdb", *_GENRES)
        items = File(path=movies, delimiter="|", quote="", names=names, columns=_MOVIE)
        return Source(
            files=(File(path=ratings, delimiter="\t", quote="", names=_NAMES, columns=_RATING),),
            items=items if movies.is_file() else None,
            liked_from=LIKED,
        )


class MovieLens1M(DataFormat):
    """ratings.dat and movies.dat."""

    name = "ml-1m"
    about = "MovieLens 1M and 10M: ratings.dat, movies.dat"
    home = "get ml-1m.zip at https://grouplens.org/datasets/movielens/1m/"

    def recognises(self, source: Path) -> bool:
        return has_files(source, ["ratings.dat"])

    def open(self, source: Path, columns: Columns) -> Source:
        ratings = self.file(source, "ratings.dat")
        movies = ratings.with_name("movies.dat")
        items = File(
            path=movies, delimiter="::", quote="", names=("id", "title", "genres"), columns=_MOVIE
        )
        return Source(
            files=(File(path=ratings, delimiter="::", quote="", names=_NAMES, columns=_RATING),),
            items=items if movies.is_file() else None,
            liked_from=LIKED,
        )

    def dataset(self, source: Path) -> Dataset:
        return load_ml_1m(folder_of(source))


class MovieLensLatest(DataFormat):
    """ratings.csv and movies.csv."""

    name = "ml-latest"
    about = "MovieLens latest, 20M, 25M, 32M: ratings.csv, movies.csv"
    home = "get ml-latest-small.zip at https://grouplens.org/datasets/movielens/latest/"

    def recognises(self, source: Path) -> bool:
        return has_files(source, ["ratings.csv", "movies.csv"])

    def open(self, source: Path, columns: Columns) -> Source:
        ratings, movies = self.file(source, "ratings.csv"), self.file(source, "movies.csv")
        names = Columns(user="userId", item="movieId", value="rating", time="timestamp")
        return Source(
            files=(File(path=ratings, columns=names),),
            items=File(path=movies, columns=Columns(item="movieId", title="title")),
            liked_from=LIKED,
        )
