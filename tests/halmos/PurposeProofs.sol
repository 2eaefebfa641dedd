// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MergedPurpose as Purpose} from "../../.cache/halmos/MergedPurpose.sol";

/// Proofs over every word: all 64 bits of each argument are symbolic. `MergedPurpose` is the library's text with the
/// functions that `PurposeLemmas` is about in one expression each; the answers are those of the library.
contract PurposeProofs {
    /// What lets a request pass: any other term only asks for more.
    uint64 private constant OPENING = Purpose.PERMISSIONS | Purpose.ALLOWANCES | Purpose.CC;

    function check_a_modifier_never_turns_DENY_into_PERMIT(uint64 terms, uint64 request, uint64 added)
        external
        pure
    {
        (Purpose.Answer before,) = Purpose.matches(terms, request);
        (Purpose.Answer answer,) = Purpose.matches(terms | (added & Purpose.RESTRICTIONS), request);
        if (before == Purpose.Answer.DENY) assert(answer == Purpose.Answer.DENY);
    }

    function check_nothing_but_an_opening_term_leads_to_PERMIT(uint64 terms, uint64 request, uint64 added)
        external
        pure
    {
        (Purpose.Answer before,) = Purpose.matches(terms, request);
        (Purpose.Answer answer,) = Purpose.matches(terms | (added & ~OPENING), request);
        if (before != Purpose.Answer.PERMIT) assert(answer != Purpose.Answer.PERMIT);
    }

    function check_a_modifier_never_makes_a_request_clearable(uint64 terms, uint64 request, uint64 added)
        external
        pure
    {
        if (Purpose.clearable(terms | (added & Purpose.RESTRICTIONS), request)) {
            assert(Purpose.clearable(terms, request));
        }
    }

    function check_nothing_denied_is_clearable(uint64 terms, uint64 request) external pure {
        if (!Purpose.clearable(terms, request)) return;
        (Purpose.Answer answer,) = Purpose.matches(terms, request);
        assert(answer != Purpose.Answer.DENY);
    }

    function check_covers_is_sound(uint64 consent, uint64 offer, uint64 request) external pure {
        if (!Purpose.covers(consent, offer)) return;
        (Purpose.Answer answer,) = Purpose.matches(offer, request);
        if (answer != Purpose.Answer.PERMIT) return;
        (answer,) = Purpose.matches(consent, request);
        assert(answer == Purpose.Answer.PERMIT);
    }

    function check_covers_itself(uint64 terms) external pure {
        assert(Purpose.covers(terms, terms) == Purpose.validTerms(terms));
    }

    function check_unknown_words_are_denied(uint64 terms, uint64 request) external pure {
        (Purpose.Answer answer,) = Purpose.matches(terms, request);
        if (!Purpose.validTerms(terms) || request & ~Purpose.REQUEST != 0) {
            assert(answer == Purpose.Answer.DENY);
        }
    }

    function check_treatment_is_denied(uint64 terms, uint64 request) external pure {
        (Purpose.Answer answer,) = Purpose.matches(terms, request | Purpose.TREATMENT);
        assert(answer == Purpose.Answer.DENY);
    }
}
