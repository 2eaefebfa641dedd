"""For researchers: what was bought, as numpy volumes.

    volumes = Client.connect(settings).acting_as("researcher", password).volumes(order)
    for volume in volumes:
        print(volume.facts.modality, volume.array.shape, volume.grid.spacing)

Nothing is fetched before it is asked for. Decoded volumes are cached on disk, sealed. The
first use of this room loads numpy.
"""

from medibloc_py.datasets.cache import VolumeCache
from medibloc_py.datasets.facts import VolumeFacts, volumes_of
from medibloc_py.datasets.grid import Grid
from medibloc_py.datasets.learning import VolumeDataset
from medibloc_py.datasets.nifti import save_nifti
from medibloc_py.datasets.volume import Volume
from medibloc_py.datasets.volumes import Volumes

__all__ = [
    "Grid",
    "Volume",
    "VolumeCache",
    "VolumeDataset",
    "VolumeFacts",
    "Volumes",
    "save_nifti",
    "volumes_of",
]
