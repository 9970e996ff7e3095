"""How blocks come from the ordering service to one peer."""

import asyncio
import logging
from contextlib import suppress

from hlf_emulator.ledger.disk import RETRY, DiskError
from hlf_emulator.membership.bundle import ConfigError
from hlf_emulator.ordering.orderer import OrderingService
from hlf_emulator.peer.peer import Channel

_LOG = logging.getLogger(__name__)


class BlockFeed:
    """Hands every block to the channels of one peer, in order, from the height each has."""

    def __init__(self, peer_name: str, service: OrderingService) -> None:
        self._peer_name = peer_name
        self._service = service
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.delay = 0.0
        self.lag = 0
        self._channels: dict[str, Channel] = {}

    def follow(self, channel: Channel) -> None:
        """Start handing blocks to ``channel``."""
        if channel.name in self._tasks:
            return
        task = asyncio.get_running_loop().create_task(self._run(channel))
        task.add_done_callback(self._ended)
        self._tasks[channel.name] = task
        self._channels[channel.name] = channel

    async def leave(self, channel: str) -> None:
        """Hand no more blocks to the channel of that name."""
        task = self._tasks.pop(channel, None)
        self._channels.pop(channel, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def hold_back(self, *, delay: float | None = None, lag: int | None = None) -> None:
        """A fault: wait ``delay`` seconds before each block, stay ``lag`` blocks behind the orderers."""
        wanted = (self.delay if delay is None else delay, self.lag if lag is None else lag)
        if wanted == (self.delay, self.lag):
            return
        self.delay, self.lag = wanted
        followed = [self._channels[name] for name in self._tasks]
        await self.stop()
        for channel in followed:
            self.follow(channel)

    async def stop(self) -> None:
        """Stop after the block being committed."""
        tasks = tuple(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, channel: Channel) -> None:
        sequencer = await self._service.wait_sequencer(channel.name)
        refused = False
        while True:
            height = channel.ledger.height
            if height > sequencer.height:
                raise ConfigError(f"it has {height} blocks, the orderers have {sequencer.height}")
            await sequencer.wait_peers_height(height + 1 + self.lag)
            if self.delay:
                await asyncio.sleep(self.delay)
            commit = asyncio.ensure_future(channel.commit(sequencer.block(height)))
            try:
                await asyncio.shield(commit)
            except asyncio.CancelledError:
                # A commit once begun is finished: half a block would be neither there nor not there.
                with suppress(DiskError):
                    await commit
                raise
            except DiskError as error:
                if not refused:
                    _LOG.error("%s cannot write blocks of %s: %s", self._peer_name, channel.name, error)
                refused = True
                await asyncio.sleep(RETRY)
                continue
            if refused:
                _LOG.info("%s writes blocks of %s again", self._peer_name, channel.name)
                refused = False

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ConfigError):
            _LOG.error("%s stops a channel: %s", self._peer_name, error)
        elif error is not None:
            _LOG.error("%s stops a channel", self._peer_name, exc_info=error)
