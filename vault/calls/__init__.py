"""Buttons, calls and legs: what happens between the press of a button and the last hang-up."""
