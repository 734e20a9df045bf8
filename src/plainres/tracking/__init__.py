"""Everything that knows MLflow; `store` does without its import, which takes seconds."""

import os

# MLflow reads this when it's first imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
