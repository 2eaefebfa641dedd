from __future__ import annotations

import pytest

from medibloc_py.errors import ContractMissing, ContractRefusal
from medibloc_py.services import TokenService
from tests.flow.services.house import House


def test_the_test_token_tells_its_name_and_decimals(house: House):
    assert (house.token.symbol(), house.token.decimals()) == ("tUSD", 6)


def test_balances_and_allowances(house: House):
    token, owner, spender = house.token, house.stranger, house.reader.address
    assert token.balance(owner.address) == 0
    token.mint(house.governance, owner.address, 70)
    assert token.balance(owner.address) == 70
    receipt = token.approve(owner, spender, 50)
    assert receipt.events[0].name == "Approval"
    assert token.allowance(owner.address, spender) == 50


def test_an_account_is_no_token(house: House):
    with pytest.raises(ContractMissing):
        TokenService(house.network, house.stranger.address).symbol()


def test_another_contract_is_no_token(house: House):
    with pytest.raises(ContractRefusal, match="gave no reason"):
        TokenService(house.network, house.market.address).decimals()


@pytest.mark.parametrize(
    ("said", "shown"), [("US$", "US$"), ("a\n\x1b[31mb", "a[31mb"), ("x" * 99, "x" * 16)]
)
def test_a_symbol_is_cut_to_what_is_safe_to_show(house: House, monkeypatch, said, shown):
    monkeypatch.setattr(type(house.network), "call", lambda *_: said)
    assert house.token.symbol() == shown
