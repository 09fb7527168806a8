using System.Runtime.InteropServices;
using Lockstep.Bench;
using Lockstep.Server;

return await BenchCommand.Create().Run(args, static async options =>
{
    using var stop = new CancellationTokenSource();
    using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    try
    {
        return await BenchRun.Run(options, stop.Token);
    }
    catch (Exception e) when (e is BenchException or StartRefusedException)
    {
        Console.Error.WriteLine($"error: {e.Message}");
        return 1;
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        return 130;
    }

    void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        stop.Cancel();
    }
});
