@testable import StreamRuntime

/// What suites about reloads begin with: a reloader of plugins that the test makes up.
class ReloadingStage {
    let stage = Stage()
    let images = FakeImages()
    let reloader: Reloader

    init() {
        reloader = Reloader(runtime: stage.runtime, source: images, logger: stage.log.logger, shuttingDown: atOnce)
    }

    // A generation keeps its reloader, to tell it of the end.
    deinit { _ = reloader.retireAll(deadline: 0) }
}
