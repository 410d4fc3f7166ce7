"""Names of the files that rooms hand each other."""

TRACKS = "tracks.json"
EMBEDDINGS = "tracks.npy"
USERS = "users.json"
RECOMMENDATIONS = "recommendations.json"
NEIGHBOURS = "neighbours.json"
TOP_TRACKS = "top_tracks.json"
