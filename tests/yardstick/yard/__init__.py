"""Servers, load and figures of the yardstick."""
