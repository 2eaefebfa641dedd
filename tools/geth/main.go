// A developer's chain by go-ethereum itself: the node, pool, EVM and RPC that `geth --dev --dev.period 1`
// runs, with one account that has all coins. What geth adds around them (console, wallets, exporters) is
// most of what would be compiled, and none of it is asked for.
package main

import (
	"flag"
	"log"
	"math/big"
	"os"
	"os/signal"
	"syscall"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/rpc"
)

const gasLimit = 30_000_000

func main() {
	port := flag.Int("port", 8545, "where HTTP is served, on loopback")
	period := flag.Uint64("period", 1, "seconds from block to block")
	fund := flag.String("fund", "", "address of the account that has all coins")
	flag.Parse()
	if !common.IsHexAddress(*fund) {
		log.Fatal("--fund wants an address")
	}
	stack, err := start(*port, *period, common.HexToAddress(*fund))
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	if err := stack.Close(); err != nil {
		log.Fatal(err)
	}
}

// start runs a fresh chain in memory, that mines by itself and has no peers.
func start(port int, period uint64, rich common.Address) (*node.Node, error) {
	stack, err := node.New(&node.Config{
		HTTPHost:             "127.0.0.1",
		HTTPPort:             port,
		HTTPModules:          []string{"eth", "net", "web3"},
		HTTPTimeouts:         node.DefaultConfig.HTTPTimeouts,
		BatchRequestLimit:    node.DefaultConfig.BatchRequestLimit,
		BatchResponseMaxSize: node.DefaultConfig.BatchResponseMaxSize,
		P2P:                  p2p.Config{NoDiscovery: true, NoDial: true},
	})
	if err != nil {
		return nil, err
	}
	chain, err := eth.New(stack, developer(rich))
	if err != nil {
		return nil, err
	}
	logs := filters.NewFilterSystem(chain.APIBackend, filters.Config{
		LogCacheSize:  ethconfig.Defaults.FilterLogCacheSize,
		LogQueryLimit: ethconfig.Defaults.LogQueryLimit,
	})
	stack.RegisterAPIs([]rpc.API{{Namespace: "eth", Service: filters.NewFilterAPI(logs)}})
	beacon, err := catalyst.NewSimulatedBeacon(period, rich, chain)
	if err != nil {
		return nil, err
	}
	stack.RegisterLifecycle(beacon)
	return stack, stack.Start()
}

// developer holds the settings of `geth --dev`; all others are geth's defaults.
func developer(rich common.Address) *ethconfig.Config {
	config := ethconfig.Defaults
	config.NetworkId = 1337
	config.SyncMode = ethconfig.FullSync
	config.EnablePreimageRecording = true
	config.Genesis = core.DeveloperGenesisBlock(gasLimit, &rich)
	config.Miner.PendingFeeRecipient = rich
	config.Miner.GasPrice = big.NewInt(1)
	return &config
}
