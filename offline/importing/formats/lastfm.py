"""Last.fm of HetRec 2011 (Cantador, Brusilovsky and Kuflik, 2011)."""

from pathlib import Path

from offline.datasets.dataset import Dataset
from offline.datasets.lastfm import load_lastfm_2k
from offline.importing.source import Columns, DataFormat, File, Source, folder_of, has_files


class LastFM2K(DataFormat):
    """user_artists.dat and artists.dat: how often each user played each artist."""

    name = "lastfm-2k"
    about = "Last.fm of HetRec 2011: user_artists.dat, artists.dat"
    home = "get hetrec2011-lastfm-2k.zip at https://grouplens.org/datasets/hetrec-2011/"

    def recognises(self, source: Path) -> bool:
        return has_files(source, ["user_artists.dat"])

    def open(self, source: Path, columns: Columns) -> Source:
        plays = self.file(source, "user_artists.dat")
        artists = plays.with_name("artists.dat")
        names = Columns(user="userID", item="artistID", value="weight")
        items = File(
            path=artists, delimiter="\t", quote="", columns=Columns(item="id", title="name")
        )
        return Source(
            files=(File(path=plays, delimiter="\t", quote="", columns=names, kind="listen"),),
            items=items if artists.is_file() else None,
        )

    def dataset(self, source: Path) -> Dataset:
        return load_lastfm_2k(folder_of(source))
