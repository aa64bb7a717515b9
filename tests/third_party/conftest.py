"""The sample plugin's own tests run where the plugin is installed: see test_sample_plugin.py."""

collect_ignore = ["isptune_vignette_sample"]
