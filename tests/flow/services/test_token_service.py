from __future__ import annotations

import pytest

from medibloc_py.chain import domain_separator
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
    ("said", "shown"), [("US$", "US$"), ("a\n\x1b[31mb", "a��[31mb"), ("x" * 99, "x" * 16)]
)
def test_a_symbol_is_cut_to_what_is_safe_to_show(house: House, monkeypatch, said, shown):
    monkeypatch.setattr(type(house.network), "call", lambda *_: said)
    assert house.token.symbol() == shown


# Permits


def test_a_permit_is_for_the_tokens_own_domain(house: House):
    """The signature is the one that the token takes, and nobody else's."""
    owner, spender = house.stranger, house.reader.address
    deadline = house.in_days(1)
    permit = house.token.sign_permit(owner, spender, 70, deadline)
    assert permit is not None
    contract = house.deployment.contract("TestToken")
    call = (owner.address, spender, 70, permit.deadline, permit.v, permit.r, permit.s)
    house.network.send(house.relay, contract, "permit", *call)
    assert house.token.allowance(owner.address, spender) == 70
    with pytest.raises(ContractRefusal, match="ERC2612InvalidSigner"):
        house.network.send(house.relay, contract, "permit", *call)


@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_a_domain_that_is_not_told_is_guessed_and_held_against_the_tokens_hash(
    house: House, monkeypatch, version
):
    """As tokens before EIP-5267 do: a name, a separator, and a version to find out."""
    honest = type(house.token)._read
    separator = domain_separator(
        {
            "name": "Test USD",
            "version": version,
            "chainId": house.network.chain_id,
            "verifyingContract": house.token.address,
        },
        {"Nothing": [("uint256", "n")]},
        "Nothing",
        {"n": 0},
    )

    def read(self: TokenService, function: str, *arguments: object) -> object:
        if function == "eip712Domain":
            raise ContractRefusal(detail="it gave no reason")
        return separator if function == "DOMAIN_SEPARATOR" else honest(self, function, *arguments)

    monkeypatch.setattr(TokenService, "_read", read)
    permit = house.token.sign_permit(house.stranger, house.reader.address, 1, 9)
    assert (permit is None) == (version == "3")


def test_a_token_without_permits_is_told(house: House):
    token = TokenService(house.network, house.market.address)
    assert token.sign_permit(house.stranger, house.reader.address, 1, 9) is None
