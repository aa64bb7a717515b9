"""Devices and lab servers that speak HTTP: parameters are put, a picture comes back."""

from isptune_device.pipeline import HttpPipeline as HttpPipeline
from isptune_device.raspberry_pi import RaspberryPiPipeline as RaspberryPiPipeline
