"""A listing's description as Croissant 1.0, MLCommons' JSON-LD for datasets: for catalogues."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from medibloc_py import purpose
from medibloc_py.flows.catalogue import Description

CONFORMS_TO: Final = "http://mlcommons.org/croissant/1.0"
_DUO: Final = "http://purl.obolibrary.org/obo/DUO_{:07}"
_LAST_DUO_BIT: Final = 46
"""Higher bits of a terms word are words of this house, not of DUO."""
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FIELDS: Final = {
    "modality": ("sc:Text", "Modality, by DICOM's name."),
    "patients": ("sc:Integer", "People, at least: rounded down. Small groups are not told of."),
    "images": ("sc:Integer", "Images, at least: rounded down to one digit."),
}


def croissant_of(said: Description) -> dict[str, Any]:
    """A Croissant document of a description: what it is, what for, and the groups as data.

    No file is named: the sealed records are public to nobody, and a hash or an address of one
    stands in no catalogue.
    """
    terms = purpose.render(said.terms, purpose.TERM_NAMES)
    listing = f"0x{said.listing.hex()}"
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": said.name,
        "description": said.about,
        "identifier": f"eip155:{said.chain_id}:{said.contract}/{listing}",
        "url": f"urn:medibloc:{said.chain_id}:{said.contract}:{listing}",
        "citeAs": f"{said.name}. Listing {listing}, {_day(said.at)}.",
        "license": [_DUO.format(bit) for bit in duo_bits(said.terms)],
        "usageInfo": f"Data use terms: {terms}.",
        "conditionsOfAccess": "To be bought for a purpose that the terms permit, by an accredited "
        "researcher.",
        "isAccessibleForFree": said.price == 0,
        "creator": {"@type": "sc:Organization", "name": said.steward},
        "datePublished": _day(said.at),
        "version": "1.0.0",
        "keywords": ["DICOM", "medical imaging", *(each.modality for each in said.groups)],
        "recordSet": [_groups(said)] if said.groups else [],
    }


def duo_bits(terms: int) -> list[int]:
    """The numbers of the DUO terms in a terms word, ascending."""
    return [bit for bit in range(_LAST_DUO_BIT + 1) if terms >> bit & 1]


def _groups(said: Description) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "groups",
        "name": "groups",
        "description": f"People by modality, in groups of {said.cell} or more.",
        "key": {"@id": "groups/modality"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"groups/{name}",
                "name": name,
                "description": about,
                "dataType": data_type,
            }
            for name, (data_type, about) in _FIELDS.items()
        ],
        "data": [
            {f"groups/{name}": getattr(each, name) for name in _FIELDS} for each in said.groups
        ],
    }


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
