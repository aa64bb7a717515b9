"""The page of a study: what observers are shown, what they answer, and how the study is run."""
