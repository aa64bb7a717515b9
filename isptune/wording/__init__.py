"""Texts for people, and what they mean by them: names, words, numbers, short tables."""
