"""What a plugin author reads: stage, pipeline, scene, objective, optimizer, parameters."""
