// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Purpose
/// @notice Purposes as GA4GH DUO terms in one 64-bit word, matched with three answers.
/// Bit i of a word is `DUO:00000ii` (Data Use Ontology, 2021-02-23). A terms word says what data may be used
/// for: exactly one permission and any modifiers. A request word says what a requester wants: purpose types under
/// the same bits, attributes and evidence on bits 47 to 63 that DUO leaves free.
/// @dev Same answers as `medibloc_py/purpose.py`; `tests/vectors/purpose.json` holds both to one table.
library Purpose {
    /// @notice What a match says. REFER: a person must decide.
    enum Answer {
        DENY,
        PERMIT,
        REFER
    }

    /// @notice Not a terms word: it needs exactly one permission and known bits only.
    error TermsInvalid(uint64 terms);

    // Permissions: a valid terms word has exactly one.
    uint64 internal constant NRES = 1 << 4;
    uint64 internal constant HMB = 1 << 6;
    uint64 internal constant DS = 1 << 7;
    uint64 internal constant POA = 1 << 11;
    uint64 internal constant GRU = 1 << 42;
    // Modifiers.
    uint64 internal constant RS = 1 << 12;
    uint64 internal constant NMDS = 1 << 15;
    uint64 internal constant GSO = 1 << 16;
    uint64 internal constant NPUNCU = 1 << 18;
    uint64 internal constant PUB = 1 << 19;
    uint64 internal constant COL = 1 << 20;
    uint64 internal constant IRB = 1 << 21;
    uint64 internal constant GS = 1 << 22;
    uint64 internal constant MOR = 1 << 24;
    uint64 internal constant TS = 1 << 25;
    uint64 internal constant US = 1 << 26;
    uint64 internal constant PS = 1 << 27;
    uint64 internal constant IS = 1 << 28;
    uint64 internal constant RTN = 1 << 29;
    uint64 internal constant CC = 1 << 43;
    uint64 internal constant NPOA = 1 << 44;
    uint64 internal constant NPU = 1 << 45;
    uint64 internal constant NCU = 1 << 46;
    // Requests only: what the study is, and what the requester can show.
    uint64 internal constant MDS = 1 << 47;
    uint64 internal constant GENETIC = 1 << 48;
    uint64 internal constant NONCOMMERCIAL = 1 << 49;
    uint64 internal constant NONPROFIT = 1 << 50;
    uint64 internal constant HAS_IRB = 1 << 51;
    uint64 internal constant HAS_PUB = 1 << 52;
    uint64 internal constant HAS_COL = 1 << 53;
    uint64 internal constant HAS_RTN = 1 << 54;
    uint64 internal constant HAS_MOR = 1 << 55;
    uint64 internal constant HAS_RS = 1 << 56;
    uint64 internal constant SENSITIVE = 1 << 57;
    uint64 internal constant OTHER = 1 << 58;
    // Local terms, in both words.
    uint64 internal constant NRI = 1 << 59;
    uint64 internal constant COMMERCIAL = 1 << 60;
    uint64 internal constant AI = 1 << 61;
    // Requests only: every requested disease has a consented ancestor (or is one).
    uint64 internal constant DISEASE_COVERED = 1 << 62;
    // Care of the patient: never matched against terms; only the patient grants it.
    uint64 internal constant TREATMENT = 1 << 63;

    uint64 internal constant PERMISSIONS = NRES | GRU | HMB | DS | POA;
    /// @dev Modifiers whose own bit in a request says that the requirement is met.
    uint64 internal constant PLACES = GS | TS | US | PS | IS;
    /// @dev Modifiers that DENY when unmet; RS and COL, the other two, REFER.
    uint64 internal constant DENYING =
        NMDS | GSO | NPUNCU | PUB | IRB | MOR | RTN | NPOA | NPU | NCU | PLACES | NRI;
    uint64 internal constant RESTRICTIONS = DENYING | RS | COL;
    uint64 internal constant ALLOWANCES = COMMERCIAL | AI;
    uint64 internal constant TERMS = PERMISSIONS | RESTRICTIONS | CC | ALLOWANCES;
    uint64 internal constant TYPES = GRU | HMB | DS | POA | CC | MDS;
    uint64 internal constant ATTRIBUTES = MDS | GENETIC | NONCOMMERCIAL | NONPROFIT | HAS_IRB | HAS_PUB
        | HAS_COL | HAS_RTN | HAS_MOR | HAS_RS | SENSITIVE | OTHER;
    uint64 internal constant REQUEST = TYPES | ATTRIBUTES | PLACES | NRI | ALLOWANCES | DISEASE_COVERED;
    /// @dev Evidence about the buyer that counts on chain only if an accreditor vouches for it.
    uint64 internal constant VOUCHED = NONPROFIT | HAS_IRB;
    /// @dev The deciding bit when no single bit decided.
    uint8 internal constant NO_BIT = 255;

    /// @dev Bit numbers of `DENYING` in the order in which they are asked:
    /// NMDS NPOA NCU NPUNCU NPU GSO IRB PUB RTN MOR GS US PS IS TS NRI.
    bytes16 private constant DENYING_ORDER = hex"0f2c2e122d1015131d18161a1b1c193b";

    /// @notice Tells whether a terms word has only known bits and exactly one permission.
    function validTerms(uint64 terms) internal pure returns (bool) {
        return terms & ~TERMS == 0 && _isOne(terms & PERMISSIONS);
    }

    /// @notice Reverts unless `terms` is a valid terms word.
    function requireTerms(uint64 terms) internal pure {
        if (!validTerms(terms)) revert TermsInvalid(terms);
    }

    /// @notice Decides whether data under `terms` may be used for `request`.
    /// @dev Fails closed: an unknown bit in either word, or not exactly one permission, is DENY. Evidence that is
    /// absent is DENY or REFER, never PERMIT. Adding a modifier to the terms never turns DENY into PERMIT.
    /// @return answer the decision.
    /// @return bit number of the bit that decided, `NO_BIT` when none alone did.
    function matches(uint64 terms, uint64 request) internal pure returns (Answer answer, uint8 bit) {
        uint64 permission = terms & PERMISSIONS;
        if (terms & ~TERMS != 0) return (Answer.DENY, _lowest(terms & ~TERMS));
        if (!_isOne(permission)) return (Answer.DENY, NO_BIT);
        if (request & ~REQUEST != 0) return (Answer.DENY, _lowest(request & ~REQUEST));
        if (request & (SENSITIVE | OTHER) != 0) {
            return (Answer.REFER, _lowest(request & (SENSITIVE | OTHER)));
        }
        if (request & TYPES == 0) return (Answer.REFER, NO_BIT);
        if (_hasAll(request, NONCOMMERCIAL | COMMERCIAL)) return (Answer.DENY, _lowest(COMMERCIAL));
        bool covered = _hasAll(request, DS | DISEASE_COVERED);
        uint64 barred = request & TYPES & ~_allowedTypes(terms, covered);
        // GRU is asked first; the bits of the others stand in the order in which they are asked.
        if (barred != 0) return (Answer.DENY, _lowest(barred & GRU != 0 ? GRU : barred));
        uint64 unmet = terms & DENYING & ~_met(request, covered);
        if (unmet != 0) return (Answer.DENY, _firstDenying(unmet));
        if (request & ALLOWANCES & ~terms != 0) return (Answer.DENY, _lowest(request & ALLOWANCES & ~terms));
        if (terms & COL != 0 && request & HAS_COL == 0) return (Answer.REFER, _lowest(COL));
        if (terms & RS != 0 && request & HAS_RS == 0) return (Answer.REFER, _lowest(RS));
        return (Answer.PERMIT, _lowest(permission));
    }

    /// @notice Tells whether a person may clear a `request` that data under `terms` REFERs.
    /// @dev `matches` refers a sensitive request before it looks at the terms. What a person clears is that, never what
    /// the terms deny besides: without its sensitive bits the request must have a type, and not be DENY.
    function clearable(uint64 terms, uint64 request) internal pure returns (bool) {
        uint64 plain = request & ~(SENSITIVE | OTHER);
        if (plain & TYPES == 0) return false;
        (Answer answer,) = matches(terms, plain);
        return answer != Answer.DENY;
    }

    /// @notice Tells whether `consent` permits everything that `offer` permits.
    /// @dev For every request r: matches(offer, r) is PERMIT implies matches(consent, r) is PERMIT. Sound, and strict
    /// where the words alone cannot tell.
    /// @param consent terms word of a patient.
    /// @param offer terms word of a listing.
    function covers(uint64 consent, uint64 offer) internal pure returns (bool) {
        if (!validTerms(consent) || !validTerms(offer)) return false;
        uint64 wide = consent & PERMISSIONS;
        uint64 narrow = offer & PERMISSIONS;
        if (narrow & _within(wide) == 0) return false;
        if ((offer & CC != 0 || narrow == NRES) && consent & CC == 0 && wide != NRES) return false;
        uint64 met = offer;
        if (offer & NPUNCU != 0) met |= NPU | NCU;
        if (_hasAll(offer, NPU | NCU)) met |= NPUNCU;
        if (narrow & (HMB | DS) != 0) met |= NPOA;
        if (narrow == DS) met |= NMDS;
        return consent & RESTRICTIONS & ~met == 0 && offer & ALLOWANCES & ~consent == 0;
    }

    /// @dev Purpose types that the permission in `terms` leaves open.
    function _allowedTypes(uint64 terms, bool covered) private pure returns (uint64 allowed) {
        uint64 permission = terms & PERMISSIONS;
        if (permission == NRES) return TYPES;
        if (permission == GRU) allowed = TYPES & ~CC;
        else if (permission == POA) allowed = POA;
        else if (permission == HMB || covered) allowed = HMB | DS | MDS;
        return allowed | (terms & CC);
    }

    /// @dev Modifiers in `DENYING` that `request` meets.
    function _met(uint64 request, bool covered) private pure returns (uint64 met) {
        met = request & (PLACES | NRI);
        if (request & MDS == 0 || covered) met |= NMDS;
        if (request & POA == 0) met |= NPOA;
        if (request & NONCOMMERCIAL != 0) met |= NCU;
        if (request & NONPROFIT != 0) met |= NPU;
        if (_hasAll(request, NONCOMMERCIAL | NONPROFIT)) met |= NPUNCU;
        if (request & GENETIC != 0) met |= GSO;
        if (request & HAS_IRB != 0) met |= IRB;
        if (request & HAS_PUB != 0) met |= PUB;
        if (request & HAS_RTN != 0) met |= RTN;
        if (request & HAS_MOR != 0) met |= MOR;
    }

    function _firstDenying(uint64 unmet) private pure returns (uint8 bit) {
        uint256 i = 0;
        do {
            bit = uint8(DENYING_ORDER[i++]);
        } while (unmet >> bit & 1 == 0);
    }

    /// @dev Permissions that grant no more than `permission` does.
    function _within(uint64 permission) private pure returns (uint64) {
        if (permission == NRES) return PERMISSIONS;
        if (permission == GRU) return GRU | HMB | DS | POA;
        if (permission == HMB) return HMB | DS;
        return permission;
    }

    function _hasAll(uint64 word, uint64 bits) private pure returns (bool) {
        return word & bits == bits;
    }

    function _isOne(uint64 word) private pure returns (bool) {
        return word != 0 && word & (word - 1) == 0;
    }

    /// @dev Number of the lowest bit set; `word` is never 0 here.
    function _lowest(uint64 word) private pure returns (uint8) {
        return uint8(Math.log2(word & (~word + 1)));
    }
}
