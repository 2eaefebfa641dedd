// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purpose} from "../../contracts/libraries/Purpose.sol";
import {Test} from "forge-std/Test.sol";

/// Holds `Purpose` to `tests/vectors/purpose.json`, the table that `medibloc_py.purpose` is held to.
contract PurposeTest is Test {
    struct Case {
        string name;
        uint64 terms;
        uint64 request;
        uint8 answer;
        uint8 bit;
    }

    struct Pair {
        string name;
        uint64 consent;
        uint64 offer;
        bool covers;
    }

    string private constant CASE = "Case(string name,uint64 terms,uint64 request,uint8 answer,uint8 bit)";
    string private constant PAIR = "Pair(string name,uint64 consent,uint64 offer,bool covers)";

    uint64[5] private permissions = [Purpose.NRES, Purpose.GRU, Purpose.HMB, Purpose.DS, Purpose.POA];
    string private json = vm.readFile("tests/vectors/purpose.json");

    function test_matches_follows_the_table() public view {
        Case[] memory cases = abi.decode(vm.parseJsonTypeArray(json, ".matches", CASE), (Case[]));
        assertGe(cases.length, 150);
        for (uint256 i = 0; i < cases.length; ++i) {
            (Purpose.Answer answer, uint8 bit) = Purpose.matches(cases[i].terms, cases[i].request);
            assertEq(uint8(answer), cases[i].answer, cases[i].name);
            assertEq(bit, cases[i].bit, cases[i].name);
        }
    }

    function test_covers_follows_the_table() public view {
        Pair[] memory pairs = abi.decode(vm.parseJsonTypeArray(json, ".covers", PAIR), (Pair[]));
        assertGe(pairs.length, 40);
        for (uint256 i = 0; i < pairs.length; ++i) {
            assertEq(Purpose.covers(pairs[i].consent, pairs[i].offer), pairs[i].covers, pairs[i].name);
        }
    }

    function test_matches_and_covers_follow_the_sweep() public view {
        uint256 count = vm.parseJsonUint(json, "$.sweep.count");
        bytes memory answers = new bytes(3 * count);
        for (uint256 i = 0; i < count; ++i) {
            (uint64 terms, uint64 request, uint64 offer) = _sweepWords(i);
            (Purpose.Answer answer, uint8 bit) = Purpose.matches(terms, request);
            answers[3 * i] = bytes1(uint8(answer));
            answers[3 * i + 1] = bytes1(bit);
            if (Purpose.covers(terms, offer)) answers[3 * i + 2] = 0x01;
        }
        assertEq(keccak256(answers), vm.parseJsonBytes32(json, "$.sweep.digest"));
    }

    function testFuzz_validTerms_needs_one_permission_and_known_bits(uint64 terms) public view {
        uint256 count = 0;
        for (uint256 i = 0; i < 5; ++i) {
            if (terms & permissions[i] != 0) ++count;
        }
        assertEq(Purpose.validTerms(terms), count == 1 && terms & ~Purpose.TERMS == 0);
        uint64 known = terms & Purpose.TERMS & ~Purpose.PERMISSIONS;
        assertFalse(Purpose.validTerms(known));
        for (uint256 i = 0; i < 5; ++i) {
            assertTrue(Purpose.validTerms(known | permissions[i]));
        }
    }

    function testFuzz_matches_fails_closed(uint64 terms, uint64 request) public pure {
        (Purpose.Answer answer,) = Purpose.matches(terms, request);
        if (!Purpose.validTerms(terms) || request & ~Purpose.REQUEST != 0) {
            assertTrue(answer == Purpose.Answer.DENY);
        }
    }

    function testFuzz_matches_a_modifier_never_opens(uint256 seed, uint64 request, uint64 added) public view {
        uint64 terms = _terms(seed);
        request = _evident(request, terms);
        (Purpose.Answer before,) = Purpose.matches(terms, request);
        (Purpose.Answer answer,) = Purpose.matches(terms | (added & Purpose.RESTRICTIONS), request);
        if (before == Purpose.Answer.DENY) assertTrue(answer == Purpose.Answer.DENY);
        if (before == Purpose.Answer.REFER) assertTrue(answer != Purpose.Answer.PERMIT);
    }

    /// The offer is the consent, narrowed by `seed` and `added`; the request is one the offer is likely to permit.
    /// A person may clear what is sensitive, never what the terms deny of the same request.
    function testFuzz_clearable_never_passes_a_denial(uint8 permission, uint64 modifiers, uint64 request)
        public
        view
    {
        uint64 terms = permissions[permission % 5] | (modifiers & Purpose.TERMS & ~Purpose.PERMISSIONS);
        uint64 plain = request & Purpose.REQUEST & ~(Purpose.SENSITIVE | Purpose.OTHER);
        (Purpose.Answer answer,) = Purpose.matches(terms, plain);
        bool may = plain & Purpose.TYPES != 0 && answer != Purpose.Answer.DENY;
        assertEq(Purpose.clearable(terms, plain), may);
        assertEq(Purpose.clearable(terms, plain | Purpose.SENSITIVE), may);
        assertEq(Purpose.clearable(terms, plain | Purpose.OTHER), may);
    }

    function test_clearable_needs_a_type_and_no_denial() public pure {
        uint64 terms = Purpose.GRU | Purpose.COL;
        assertTrue(Purpose.clearable(terms, Purpose.HMB));
        assertTrue(Purpose.clearable(terms, Purpose.HMB | Purpose.SENSITIVE | Purpose.OTHER));
        assertFalse(Purpose.clearable(terms, Purpose.SENSITIVE));
        assertFalse(Purpose.clearable(terms, 0));
        assertFalse(Purpose.clearable(terms, Purpose.HMB | Purpose.SENSITIVE | Purpose.COMMERCIAL));
        assertFalse(Purpose.clearable(terms, Purpose.HMB | Purpose.OTHER | Purpose.CC));
    }

    function testFuzz_covers_implies_matches(uint256 seed, uint256 narrowed, uint64 added, uint64 request)
        public
        view
    {
        uint64 consent = _terms(seed);
        uint64 offer = permissions[narrowed % 5] | consent & ~Purpose.PERMISSIONS | added
            & Purpose.RESTRICTIONS & uint64(narrowed >> 64);
        request = _evident(request, offer);
        (Purpose.Answer answer,) = Purpose.matches(offer, request);
        if (!Purpose.covers(consent, offer) || answer != Purpose.Answer.PERMIT) return;
        (answer,) = Purpose.matches(consent, request);
        assertTrue(answer == Purpose.Answer.PERMIT);
    }

    function testFuzz_covers_itself(uint256 seed) public view {
        assertTrue(Purpose.covers(_terms(seed), _terms(seed)));
    }

    /// Some valid terms, with few modifiers.
    function _terms(uint256 seed) private view returns (uint64) {
        uint256 few = (seed >> 64) & (seed >> 128);
        return permissions[seed % 5] | uint64(few) & Purpose.TERMS & ~Purpose.PERMISSIONS;
    }

    /// `seed` as a request of few types, with all the evidence that `terms` can ask for.
    function _evident(uint64 seed, uint64 terms) private pure returns (uint64 request) {
        uint64[6] memory types = [Purpose.GRU, Purpose.HMB, Purpose.DS, Purpose.POA, Purpose.CC, Purpose.MDS];
        request = types[seed % 6] | seed & (seed >> 7) & Purpose.TYPES;
        request |= terms & (Purpose.PLACES | Purpose.NRI | Purpose.ALLOWANCES);
        request |= Purpose.ATTRIBUTES & ~(Purpose.MDS | Purpose.SENSITIVE | Purpose.OTHER);
        if (seed & 0x700 != 0) request |= Purpose.DISEASE_COVERED;
        if (request & Purpose.COMMERCIAL != 0) request &= ~Purpose.NONCOMMERCIAL;
    }

    /// The words of `sweep_words` in `tests/vectors/make_purpose.py`.
    function _sweepWords(uint256 counter) private pure returns (uint64 terms, uint64 request, uint64 offer) {
        uint256 digest = uint256(keccak256(abi.encode(counter)));
        (uint64 a, uint64 b, uint64 c, uint64 d) =
            (uint64(digest), uint64(digest >> 64), uint64(digest >> 128), uint64(digest >> 192));
        if (a >> 16 & 15 == 0) return (b, c, d);
        uint64[5] memory wide = [Purpose.NRES, Purpose.HMB, Purpose.DS, Purpose.POA, Purpose.GRU];
        uint64[6] memory types = [Purpose.GRU, Purpose.HMB, Purpose.DS, Purpose.POA, Purpose.CC, Purpose.MDS];
        uint64 modifiers = Purpose.TERMS & ~Purpose.PERMISSIONS;
        uint64 rare = Purpose.TYPES | Purpose.ALLOWANCES | Purpose.SENSITIVE | Purpose.OTHER;
        terms = wide[a % 5] | b & c & modifiers;
        request = types[(a >> 8) % 6] | (c | d) & Purpose.REQUEST & ~rare | b & c & d & rare;
        offer = wide[(a >> 20) % 5] | (b & c | d & a) & modifiers;
    }
}
