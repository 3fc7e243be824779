"""Servers of object stores that run on this machine, each as a child process on 127.0.0.1."""

from support.object_stores.azurite import AZURITE
from support.object_stores.moto import MOTO
from support.object_stores.running import StoreBucket, StoreServer
from support.object_stores.seaweedfs import SEAWEEDFS, SMALL_SEAWEEDFS

__all__ = ["AZURITE", "MOTO", "SEAWEEDFS", "SMALL_SEAWEEDFS", "StoreBucket", "StoreServer"]
