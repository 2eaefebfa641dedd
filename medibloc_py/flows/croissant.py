"""A listing as Croissant 1.0, MLCommons' JSON-LD for datasets: for catalogues.

What a steward describes is told as described. Of what nobody describes, what the chain has is
told, and that the rest is not known.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from medibloc_py import purpose
from medibloc_py.flows.catalogue import LAST_DAY, Description
from medibloc_py.flows.offers import Offer

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
    "equivalentProperty": "cr:equivalentProperty",
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
    "samplingRate": "cr:samplingRate",
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


_ACCESS: Final = (
    "Sealed; nothing can be downloaded. A key comes with a settled purchase, to an accredited "
    "researcher and for a purpose that the terms permit."
)
_UNDESCRIBED: Final = (
    "A listing of sealed medical images. Its steward gives no description: which modalities there "
    "are, and how many people and images, is not known. Before anything is paid, a quote tells."
)


def croissant_of(said: Description) -> dict[str, Any]:
    """A Croissant document of a description: what it is, what for, and the groups as data.

    No file is named: the sealed records are public to nobody, and a hash or an address of one
    stands in no catalogue.
    """
    return _dataset(
        said,
        name=said.name,
        about=said.about,
        published_at=said.at,
        keywords=[each.modality for each in said.groups],
        record_sets=[_groups(said)] if said.groups else [],
    )


def croissant_of_offer(offer: Offer) -> dict[str, Any]:
    """A Croissant document of what the chain alone tells of a listing; it has no record set.

    The weight of its contributions is left out: it is no number of people, and of a small group
    it would hint at one.
    """
    return _dataset(
        offer,
        name=f"Listing 0x{offer.listing.hex()}",
        about=_UNDESCRIBED,
        published_at=offer.listed_at,
        keywords=[],
        record_sets=[],
    )


def _dataset(
    of: Description | Offer,
    *,
    name: str,
    about: str,
    published_at: int,
    keywords: list[str],
    record_sets: list[dict[str, Any]],
) -> dict[str, Any]:
    """What both say: the listing, its terms, how it is bought."""
    listing, published = f"0x{of.listing.hex()}", _moment(published_at)[:10]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": about,
        "identifier": f"eip155:{of.chain_id}:{of.contract}/{listing}",
        "url": f"urn:medibloc:{of.chain_id}:{of.contract}:{listing}",
        "citeAs": f"{name}. Listing {listing}, {published}.",
        "license": [_DUO.format(bit) for bit in duo_bits(of.terms)],
        "usageInfo": f"Data use terms: {purpose.render(of.terms, purpose.TERM_NAMES)}.",
        "conditionsOfAccess": _ACCESS,
        "isAccessibleForFree": of.price == 0,
        "offers": {
            "@type": "sc:Offer",
            "price": str(of.price),
            # As CAIP-19 names a token; the price is in its smallest units.
            "priceCurrency": f"eip155:{of.chain_id}/erc20:{of.token}",
            "availabilityEnds": _moment(of.closes_at),
        },
        "creator": {"@type": "sc:Organization", "name": of.steward},
        "datePublished": published,
        "version": "1.0.0",
        "keywords": ["DICOM", "medical imaging", *keywords],
        "recordSet": record_sets,
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


def _moment(at: int) -> str:
    """A time as ISO 8601 in UTC; what lies after the year 9999 as its last second."""
    return datetime.fromtimestamp(min(at, LAST_DAY), UTC).isoformat()
