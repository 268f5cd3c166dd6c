"""How right a model is: any model, on any labelled file, with numpy alone."""
