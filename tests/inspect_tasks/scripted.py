"""A model for Inspect that says what a test wants, and Inspect's runner on it. Inspect's own asks the network."""

import gc

from inspect_ai import eval as evaluate
from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, get_model, modelapi


@modelapi(name="scripted")
class Scripted(ModelAPI):
    def __init__(self, model_name, base_url=None, api_key=None, config=None, say=None):
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        self.say = say

    async def generate(self, input, tools, tool_choice, config):
        said = self.say(input)
        return said if isinstance(said, ModelOutput) else ModelOutput.from_content("scripted", said)


def run(task, say, tmp_path, limit=None):
    """Return Inspect's metrics, and how many samples were left unscored, where a model says `say(messages)`.

    What it says is a text, or a whole output."""
    model = get_model("scripted/model", memoize=False, say=say)
    [log] = evaluate(task, model=model, log_dir=str(tmp_path / "logs"), display="none", limit=limit)
    # Inspect leaves streams unclosed: collected after the test, their warnings would be errors.
    gc.collect()
    assert log.status == "success", log.error
    [score] = log.results.scores
    return {name: metric.value for name, metric in score.metrics.items()}, score.unscored_samples
