"""Everything that the board exports, by path: what stands beside the pages of the site."""

from generator.export.api import export_api
from generator.export.archive import pack
from generator.export.badges import export_badges
from generator.export.board import Board
from generator.export.cite import export_citation
from generator.export.data import Tables, export_data
from generator.export.dictionary import make_dictionary
from generator.export.every_eval_ever import export_every_eval_ever
from generator.export.feed import export_feed


def export_files(board: Board) -> dict[str, bytes]:
    """Every exported file by its path below the site's root."""
    dictionary = make_dictionary(board.cohorts)
    tables = Tables(dictionary, board)
    data = export_data(board, dictionary, tables)
    files = {f"data/{path}": content for path, content in data.items()}
    files |= export_api(board, dictionary, tables)
    files |= export_badges(board) | export_feed(board)
    files["every-eval-ever.tar.gz"] = pack(export_every_eval_ever(board), board.commit_date)
    cited = export_citation(board.commit, board.commit_date)
    return files | {f"cite/{path}": content for path, content in cited.items()}
