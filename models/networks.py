"""The network of an artifact, by the kind that its card names."""

from core.errors import PerfuscopeError
from models import explain
from models.artifact import Artifact
from models.litert import Interpreter
from models.network import Network
from models.study_litert import StudyNetwork
from models.views_litert import ViewsNetwork


def load(artifact: Artifact, *, threads: int) -> Network:
    """The loaded network; PerfuscopeError if LiteRT cannot load it or its tensors are not those of its kind."""
    interpreter = Interpreter(artifact.model_path, name=artifact.card.name, threads=threads)
    if isinstance(artifact.head, explain.Head):
        return ViewsNetwork.of(interpreter, artifact.head)
    size, limits = artifact.card.study, artifact.limits
    if size is None or limits is None:
        raise PerfuscopeError(f"{artifact.card.name} does not say what it reads.")
    return StudyNetwork.of(interpreter, size, limits=limits, head=artifact.head)
